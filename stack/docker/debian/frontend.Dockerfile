ARG BASE
FROM $BASE AS frontend
COPY page /usr/share/nginx/html
CMD ["nginx", "-g", "daemon off;"]
STOPSIGNAL SIGQUIT
EXPOSE 80
